//! `/v1/coordinate/*`: where nodes lie, in Consul's shapes.

use super::ApiError;
use super::limit::BodyLimit;
use crate::model::{Coordinate, NodeName};
use crate::state::coordinates::Located;
use serde::{Deserialize, Serialize};

/// Longest body of an update that is read.
pub const LONGEST: BodyLimit = BodyLimit::fixed(64 * 1024);

/// The refusal where coordinates are turned off.
pub const DISABLED: &str = "Coordinate support disabled";

/// A coordinate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CoordinateShape {
    vec: Vec<f64>,
    #[serde(default)]
    error: f64,
    #[serde(default)]
    adjustment: f64,
    #[serde(default)]
    height: f64,
}

impl From<&Coordinate> for CoordinateShape {
    fn from(from: &Coordinate) -> CoordinateShape {
        CoordinateShape { vec: from.vec.to_vec(), error: from.error, adjustment: from.adjustment, height: from.height }
    }
}

/// A node and where it lies. Segments belong to Consul Enterprise: here all are in the one without a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LocatedShape {
    node: String,
    #[serde(default)]
    segment: String,
    coord: CoordinateShape,
}

impl From<&Located> for LocatedShape {
    fn from(from: &Located) -> LocatedShape {
        LocatedShape { node: from.node.to_string(), segment: String::new(), coord: CoordinateShape::from(&from.coordinate) }
    }
}

/// Where the servers of a datacenter lie in the WAN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatacenterMap {
    /// Its name.
    #[serde(rename = "Datacenter")]
    pub datacenter: String,
    /// Always `wan`.
    #[serde(rename = "AreaID")]
    pub area: String,
    /// Its servers, by name.
    #[serde(rename = "Coordinates")]
    pub coordinates: Vec<LocatedShape>,
}

/// Groups servers by datacenter; both in the order of their names.
pub fn datacenter_maps(servers: &[(String, Located)]) -> Vec<DatacenterMap> {
    let mut maps: Vec<DatacenterMap> = Vec::new();
    let mut sorted: Vec<&(String, Located)> = servers.iter().collect();
    sorted.sort_by(|(one, a), (other, b)| (one, &a.node).cmp(&(other, &b.node)));
    for (datacenter, located) in sorted {
        if maps.last().is_none_or(|map| map.datacenter != *datacenter) {
            maps.push(DatacenterMap { datacenter: datacenter.clone(), area: "wan".to_owned(), coordinates: Vec::new() });
        }
        maps.last_mut().expect("one was just added").coordinates.push(LocatedShape::from(located));
    }
    maps
}

/// Reads the body of an update.
///
/// # Errors
/// What is no JSON of that shape is 400; a coordinate that is no place, or of another space, 500.
pub fn parse_update(body: &[u8]) -> Result<Located, ApiError> {
    let undecoded = |why: String| ApiError::bad_request(format!("Request decode failed: {why}"));
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(undecoded("EOF".to_owned()));
    }
    let shape: LocatedShape = serde_json::from_slice(body).map_err(|error| undecoded(error.to_string()))?;
    let node = NodeName::parse(&shape.node).map_err(|error| ApiError::bad_request(error.to_string()))?;
    let CoordinateShape { vec, error, adjustment, height } = shape.coord;
    let coordinate = Coordinate::parse(&vec, error, adjustment, height).map_err(|error| ApiError::internal(error.to_string()))?;
    Ok(Located { node, coordinate })
}

#[cfg(test)]
mod tests {
    use super::{LocatedShape, datacenter_maps, parse_update};
    use crate::api::json::{Layout, to_vec};

    const BODY: &str = r#"{"Node":"n1","Segment":"","Coord":{"Vec":[0.1,0.2,0.3,0,0,0,0,0],"Error":1.5,"Adjustment":0,"Height":0.00001}}"#;

    #[test]
    fn an_update_is_shown_as_it_was_given() {
        let located = parse_update(BODY.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(to_vec(Layout::Compact, &LocatedShape::from(&located))).unwrap(), BODY);
        assert!(parse_update(br#"{"Node":"n1","Coord":{"Vec":[0,0,0,0,0,0,0,0]}}"#).is_ok(), "what is left out is zero");
    }

    #[test]
    fn what_is_no_update_is_refused() {
        for (body, status, text) in [
            ("", 400, "Request decode failed: EOF"),
            ("{bad", 400, "Request decode failed: "),
            (r#"{"Node":"n","Coord":{"Vec":[0.1],"Error":1.5}}"#, 500, "incompatible coordinate"),
            (r#"{"Node":"n","Coord":{"Vec":[1e300,0,0,0,0,0,0,0]}}"#, 500, "invalid coordinate: Vec"),
            (r#"{"Node":"","Coord":{"Vec":[0,0,0,0,0,0,0,0]}}"#, 400, "node name"),
        ] {
            let refused = parse_update(body.as_bytes()).unwrap_err();
            assert!(refused.status == status && refused.text.starts_with(text), "{body}: {} {}", refused.status, refused.text);
        }
    }

    #[test]
    fn servers_are_grouped_by_datacenter() {
        let one = |node: &str| crate::state::coordinates::Located {
            node: crate::model::NodeName::parse(node).unwrap(),
            ..parse_update(BODY.as_bytes()).unwrap()
        };
        let servers = [("dc2".to_owned(), one("b.dc2")), ("dc1".to_owned(), one("z.dc1")), ("dc1".to_owned(), one("a.dc1"))];
        let text = String::from_utf8(to_vec(Layout::Compact, &datacenter_maps(&servers))).unwrap();
        assert!(
            text.starts_with(r#"[{"Datacenter":"dc1","AreaID":"wan","Coordinates":[{"Node":"a.dc1","Segment":"","Coord":{"Vec":["#),
            "{text}"
        );
        assert!(text.find("z.dc1") < text.find("dc2"));
    }
}
