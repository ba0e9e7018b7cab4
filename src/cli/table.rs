//! Tables as Consul prints them: columns padded and two spaces apart, no borders, nothing after the last column.

/// Renders rows of equal length, the header first, each ending its line.
pub(super) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A header row.
pub(super) fn header<const N: usize>(names: [&str; N]) -> [String; N] {
    names.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{header, table};

    #[test]
    fn columns_are_padded_and_two_spaces_apart() {
        let rows = [header(["Node", "Address", "Status"]), header(["a-long-name", "1.2.3.4:8301", ""])];
        assert_eq!(table(&rows), "Node         Address       Status\na-long-name  1.2.3.4:8301\n");
    }
}
