use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::cluster_key::{ClusterKey, KeyFileError, KeyTextError};

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("cluster.key")
    }

    /// A file that only its owner can read.
    fn with_text(text: &str) -> Self {
        let place = Self::new();
        fs::write(place.path(), text).unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o600)).unwrap();
        place
    }
}

fn content_error(text: &str) -> KeyTextError {
    match ClusterKey::load(Place::with_text(text).path()).unwrap_err() {
        KeyFileError::Content { source, .. } => source,
        other => panic!("expected an error of the content, got {other}"),
    }
}

/// The line of a file that holds the key.
fn key_line(key: &ClusterKey) -> String {
    key.to_text()
        .lines()
        .find(|line| !line.starts_with('#'))
        .unwrap()
        .to_owned()
}

#[test]
fn a_created_file_is_for_its_owner_alone_and_loads_as_the_same_key() {
    let place = Place::new();
    let key = ClusterKey::generate().unwrap();
    key.create_file(place.path()).unwrap();

    assert_eq!(
        fs::metadata(place.path()).unwrap().permissions().mode() & 0o7777,
        0o600
    );
    assert_eq!(ClusterKey::load(place.path()).unwrap(), key);
}

#[test]
fn a_file_that_exists_is_never_overwritten() {
    let place = Place::with_text("something precious");
    let error = ClusterKey::generate()
        .unwrap()
        .create_file(place.path())
        .unwrap_err();

    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert_eq!(fs::read_to_string(place.path()).unwrap(), "something precious");
}

#[test]
fn a_link_that_leads_nowhere_is_not_followed_when_a_file_is_created() {
    let place = Place::new();
    let target = place.dir.path().join("elsewhere");
    symlink(&target, place.path()).unwrap();
    let error = ClusterKey::generate()
        .unwrap()
        .create_file(place.path())
        .unwrap_err();

    assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
    assert!(!target.exists());
}

#[test]
fn a_file_that_group_or_world_has_any_right_to_is_refused() {
    let place = Place::new();
    ClusterKey::generate().unwrap().create_file(place.path()).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o610, 0o644, 0o666, 0o777] {
        fs::set_permissions(place.path(), Permissions::from_mode(mode)).unwrap();
        let error = ClusterKey::load(place.path()).unwrap_err();
        assert!(
            matches!(error, KeyFileError::TooOpen { mode: got, .. } if got == mode),
            "{error}"
        );
        let message = error.to_string();
        assert!(
            message.contains(&format!("expected mode 0600, got 0{mode:o}")),
            "{message}"
        );
        assert!(
            message.contains(&format!("chmod 600 {}", place.path().display())),
            "{message}"
        );
    }
    for mode in [0o400, 0o600] {
        fs::set_permissions(place.path(), Permissions::from_mode(mode)).unwrap();
        ClusterKey::load(place.path()).unwrap();
    }
}

#[test]
fn a_file_of_another_user_is_refused_and_one_of_root_is_not() {
    use crate::cluster_key::file::check_owner;
    let path = PathBuf::from("/etc/ordu/cluster.key");
    check_owner(&path, 1_000, 1_000).unwrap();
    check_owner(&path, 0, 1_000).unwrap();
    for own in [1_001, 0] {
        let error = check_owner(&path, 1_000, own).unwrap_err();
        assert!(
            matches!(error, KeyFileError::OtherOwner { owner: 1_000, .. }),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains(&format!("chown {own} /etc/ordu/cluster.key")),
            "{error}"
        );
    }
}

#[test]
fn a_file_whose_owner_was_changed_is_refused() {
    let place = Place::new();
    ClusterKey::generate().unwrap().create_file(place.path()).unwrap();
    // Only root can give files away; for others the rule is shown above.
    if std::os::unix::fs::chown(place.path(), Some(65_534), None).is_err() {
        println!("\nSKIPPED: a key whose owner was changed: only root can give a file away");
        return;
    }
    let error = ClusterKey::load(place.path()).unwrap_err();
    assert!(
        matches!(error, KeyFileError::OtherOwner { owner: 65_534, .. }),
        "{error}"
    );

    // Who owns a link to it can put another in its place.
    std::os::unix::fs::chown(place.path(), Some(0), None).unwrap();
    let link = place.dir.path().join("link");
    symlink(place.path(), &link).unwrap();
    ClusterKey::load(&link).unwrap();
    std::os::unix::fs::lchown(&link, Some(65_534), None).unwrap();
    let error = ClusterKey::load(&link).unwrap_err();
    assert!(
        matches!(error, KeyFileError::OtherOwner { owner: 65_534, .. }),
        "{error}"
    );

    std::os::unix::fs::chown(place.dir.path(), Some(65_534), None).unwrap();
    let error = ClusterKey::load(place.path()).unwrap_err();
    assert!(
        matches!(error, KeyFileError::OtherOwner { owner: 65_534, .. }),
        "{error}"
    );
}

#[test]
fn a_file_in_a_directory_that_everybody_can_write_to_is_refused() {
    let place = Place::new();
    ClusterKey::generate().unwrap().create_file(place.path()).unwrap();
    let set = |mode| fs::set_permissions(place.dir.path(), Permissions::from_mode(mode)).unwrap();
    set(0o777);
    let error = ClusterKey::load(place.path()).unwrap_err();
    assert!(
        matches!(error, KeyFileError::OpenDirectory { mode: 0o777, .. }),
        "{error}"
    );
    set(0o1777);
    ClusterKey::load(place.path()).unwrap();
    set(0o700);
}

#[test]
fn every_directory_on_the_way_of_a_link_counts() {
    let (place, target) = (Place::new(), Place::new());
    let middle = place.dir.path().join("middle");
    ClusterKey::generate()
        .unwrap()
        .create_file(target.path())
        .unwrap();
    fs::create_dir(&middle).unwrap();
    symlink(target.path(), middle.join("second")).unwrap();
    symlink("middle/second", place.path()).unwrap();
    let set = |directory: &Path, mode| fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
    ClusterKey::load(place.path()).unwrap();

    for open in [place.dir.path(), &middle, target.dir.path()] {
        set(open, 0o777);
        match ClusterKey::load(place.path()) {
            Err(KeyFileError::OpenDirectory { directory, .. }) => assert_eq!(directory, open),
            other => panic!("{}: {other:?}", open.display()),
        }
        set(open, 0o1777);
        ClusterKey::load(place.path()).unwrap();
        set(open, 0o700);
    }
}

#[test]
fn a_link_that_goes_up_is_followed_as_the_system_does() {
    let place = Place::new();
    let (below, beside) = (place.dir.path().join("below"), place.dir.path().join("beside"));
    fs::create_dir(&below).unwrap();
    fs::create_dir(&beside).unwrap();
    ClusterKey::generate()
        .unwrap()
        .create_file(beside.join("cluster.key"))
        .unwrap();
    let link = below.join("link");
    symlink("../beside/cluster.key", &link).unwrap();
    ClusterKey::load(&link).unwrap();

    fs::set_permissions(&beside, Permissions::from_mode(0o777)).unwrap();
    match ClusterKey::load(&link) {
        Err(KeyFileError::OpenDirectory { directory, .. }) => assert_eq!(directory, beside),
        other => panic!("{other:?}"),
    }
}

#[test]
fn links_that_lead_to_each_other_are_not_followed_for_ever() {
    let place = Place::new();
    let [one, other] = ["one", "other"].map(|name| place.dir.path().join(name));
    symlink(&other, &one).unwrap();
    symlink(&one, &other).unwrap();
    let (done, made) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let key = ClusterKey::generate().unwrap();
        done.send(key.create_file(one.join("cluster.key")))
    });
    let made = made.recv_timeout(std::time::Duration::from_secs(20));
    let error = made.expect("they are followed for ever").unwrap_err();
    assert!(matches!(error, KeyFileError::Create { .. }), "{error}");
}

#[test]
fn a_directory_above_that_everybody_can_write_to_counts() {
    let place = Place::new();
    let (above, below) = (
        place.dir.path().join("above"),
        place.dir.path().join("above/below"),
    );
    fs::create_dir_all(&below).unwrap();
    let path = below.join("cluster.key");
    ClusterKey::generate().unwrap().create_file(&path).unwrap();
    fs::set_permissions(&above, Permissions::from_mode(0o777)).unwrap();
    let error = ClusterKey::load(&path).unwrap_err();
    assert!(matches!(error, KeyFileError::OpenDirectory { .. }), "{error}");
}

#[test]
fn a_key_is_not_made_where_it_would_be_refused() {
    let place = Place::new();
    fs::set_permissions(place.dir.path(), Permissions::from_mode(0o777)).unwrap();
    let error = ClusterKey::generate()
        .unwrap()
        .create_file(place.path())
        .unwrap_err();
    assert!(matches!(error, KeyFileError::OpenDirectory { .. }), "{error}");
    assert!(!place.path().exists());
}

#[test]
fn a_link_to_a_good_file_is_followed_and_the_rights_of_the_file_count() {
    let place = Place::new();
    let target = place.dir.path().join("mounted");
    let key = ClusterKey::generate().unwrap();
    key.create_file(&target).unwrap();
    symlink(&target, place.path()).unwrap();
    assert_eq!(ClusterKey::load(place.path()).unwrap(), key);

    fs::set_permissions(&target, Permissions::from_mode(0o644)).unwrap();
    let error = ClusterKey::load(place.path()).unwrap_err();
    assert!(matches!(error, KeyFileError::TooOpen { .. }), "{error}");
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting_for_it() {
    let place = Place::new();
    let error = ClusterKey::load(place.dir.path()).unwrap_err();
    assert!(
        matches!(
            error,
            KeyFileError::NotAFile {
                got: "a directory",
                ..
            }
        ),
        "{error}"
    );

    let made = std::process::Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(place.path())
        .status();
    assert!(made.unwrap().success());
    let error = ClusterKey::load(place.path()).unwrap_err();
    assert!(matches!(error, KeyFileError::NotAFile { .. }), "{error}");
}

#[test]
fn a_file_that_is_missing_is_an_error_that_says_how_to_make_one() {
    let message = ClusterKey::load(Place::new().path()).unwrap_err().to_string();
    assert!(message.contains("No such file"), "{message}");
    assert!(message.contains("ordu keygen"), "{message}");
}

#[test]
fn a_file_that_is_far_too_long_is_not_read_to_its_end() {
    let place = Place::with_text(&"#\n".repeat(100_000));
    let error = ClusterKey::load(place.path()).unwrap_err();
    assert!(matches!(error, KeyFileError::TooLong { .. }), "{error}");
}

#[test]
fn a_changed_digit_anywhere_in_the_key_is_found_by_the_checksum() {
    let line = key_line(&ClusterKey::generate().unwrap());
    for at in "ordu-key-v1 ".len()..line.len() {
        let digit = &line[at..=at];
        if digit == " " {
            continue;
        }
        let other = if digit == "0" { "1" } else { "0" };
        let changed = format!("{}{other}{}", &line[..at], &line[at + 1..]);
        assert_eq!(
            ClusterKey::parse(&changed),
            Err(KeyTextError::Checksum { line: 1 })
        );
    }
}

#[test]
fn each_thing_that_can_be_wrong_with_the_text_has_its_own_error() {
    let line = key_line(&ClusterKey::generate().unwrap());
    let (_, key) = line.split_once(' ').unwrap();

    assert_eq!(content_error(""), KeyTextError::NoKey);
    assert_eq!(content_error("# a comment\n\n"), KeyTextError::NoKey);
    assert_eq!(
        content_error(&format!("\nordu-key-v2 {key}")),
        KeyTextError::Version { line: 2 }
    );
    assert_eq!(
        content_error("\u{0}\u{1}\u{2}"),
        KeyTextError::Version { line: 1 }
    );
    assert_eq!(
        content_error("ordu-key-v1"),
        KeyTextError::Words { line: 1, got: 1 }
    );
    assert_eq!(
        content_error(&format!("{line} x")),
        KeyTextError::Words { line: 1, got: 4 }
    );
    let cut = &line[.."ordu-key-v1 ".len() + 60];
    assert_eq!(
        content_error(&format!("{cut} 00000000")),
        KeyTextError::Digits {
            line: 1,
            what: "key",
            expected: 64,
            got: 60
        }
    );
    let checksum = &line[..line.len() - 1];
    assert_eq!(
        content_error(checksum),
        KeyTextError::Digits {
            line: 1,
            what: "checksum",
            expected: 8,
            got: 7
        }
    );
    assert_eq!(
        content_error(&format!("{line}\n").repeat(9)),
        KeyTextError::TooMany
    );
}

#[test]
fn neither_errors_nor_debug_output_show_the_secret() {
    let key = ClusterKey::generate().unwrap();
    let line = key_line(&key);
    let secret = line.split(' ').nth(1).unwrap();
    assert!(!format!("{key:?}").contains(&secret[..8]));

    let broken = line.replace("ordu-key-v1", "ordu-key-v1 x");
    let error = content_error(&broken);
    assert!(!format!("{error} {error:?}").contains(&secret[..8]));
}

#[test]
fn a_file_of_several_keys_signs_with_the_first() {
    let (a, b) = (ClusterKey::generate().unwrap(), ClusterKey::generate().unwrap());
    let both = ClusterKey::parse(&format!("{}\n# the old one\n{}", a.to_text(), b.to_text())).unwrap();

    assert_eq!(both.fingerprint("c").unwrap(), a.fingerprint("c").unwrap());
    assert_eq!(ClusterKey::parse(&both.to_text()).unwrap(), both);
}
