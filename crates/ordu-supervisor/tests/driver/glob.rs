//! Everything of the crate is at hand here, and nothing of the language is hidden.

use ordu_supervisor::*;

#[test]
fn a_glob_import_does_not_hide_the_core_of_the_language() {
    let period = core::time::Duration::from_secs(5);
    assert_eq!(Intensity::new(1, period), Intensity::OTP);
}
