use super::run;

fn reaches(name: &str, seeds: std::ops::Range<u64>) {
    let report = run(name, seeds).expect("a scenario of this name");
    assert!(report.verdict.reached, "{report}");
}

#[test]
fn a_killed_member_of_thirty_is_known_to_all_in_time() {
    reaches("detect-30", 0..8);
}
