use conformance::evm::{Verdict, pool};
use std::{path::PathBuf, process::Command, time::Duration};

/// What comes of one file when a worker says `first`, and its successor goes on after the case that was lost.
fn lost(first: &str, timeout: Duration) -> Vec<(String, Verdict)> {
    let script = format!(
        r#"read line
        case "$line" in
          *'"skip":0'*) {first} ;;
          *'"skip":2'*) echo '{{"begin":"c"}}'; echo '{{"end":"passed"}}'; echo '"done"' ;;
        esac
        cat > /dev/null"#
    );
    let worker = move || {
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        command
    };
    let findings = pool::run(&[PathBuf::from("file.json")], &worker, timeout, 1);
    findings.into_iter().map(|(_, case, verdict)| (case, verdict)).collect()
}

const GOOD: &str = r#"echo '{"begin":"a"}'; echo '{"end":"passed"}'; echo '{"begin":"b"}'"#;

#[test]
fn a_worker_that_dies_costs_the_case_it_was_at_and_no_other() {
    let verdicts = lost(&format!("{GOOD}; exit 9"), Duration::from_mins(1));
    let [(a, Verdict::Passed), (b, Verdict::Failed(reason)), (c, Verdict::Passed)] = verdicts.as_slice()
    else {
        panic!("{verdicts:?}");
    };
    assert_eq!([a, b, c], ["a", "b", "c"]);
    assert_eq!(reason, "worker died: exit status: 9");
}

#[test]
fn a_worker_that_says_nothing_for_too_long_costs_the_case_it_was_at_and_no_other() {
    let verdicts = lost(&format!("{GOOD}; exec sleep 3600"), Duration::from_secs(10));
    assert_eq!(verdicts.len(), 3, "{verdicts:?}");
    assert_eq!(verdicts[1], ("b".to_string(), Verdict::Failed("no end after 10 s".to_string())));
    assert_eq!(verdicts[2].1, Verdict::Passed);
}

#[test]
fn a_worker_that_dies_before_its_first_case_fails_the_file_once() {
    let verdicts = lost("exit 3", Duration::from_mins(1));
    let [(file, Verdict::Failed(reason))] = verdicts.as_slice() else { panic!("{verdicts:?}") };
    assert_eq!((file.as_str(), reason.as_str()), ("file", "worker died: exit status: 3"));
}
