//! The known name most like a mistyped one.

/// The candidate within a third of `given`'s length in edits of it, the closest first, then the first listed.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (given.chars().count() / 3).max(1);
    let scored = known.into_iter().map(|name| (distance(given, name), name));
    scored.filter(|(edits, _)| *edits <= bound).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// Edits between two names: insert, delete, replace, or swap two neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(128).collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = above[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        assert_eq!(distance("data_dri", "data_dir"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn nothing_is_suggested_for_a_name_unlike_all_others() {
        assert_eq!(nearest("bogus", ["server", "datacenter"]), None);
        assert_eq!(nearest("servr", ["serf", "server"]), Some("server"));
    }
}
