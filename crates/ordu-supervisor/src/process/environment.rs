use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// What PATH is, and where programs are looked for, when neither the child's spec nor the agent has one.
pub(super) const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The complete environment of a child: what its spec says, PATH, and `extra` (such as `ORDU_ID`), which
/// wins over the spec. Nothing else of the agent's own environment reaches a child.
///
/// ```
/// use ordu_supervisor::process::environment;
///
/// let env = environment([("PORT", "80"), ("ORDU_ID", "forged")], [("ORDU_ID", "web")]);
/// assert!(env.contains(&("ORDU_ID".into(), "web".into())));
/// assert!(env.iter().any(|(name, _)| name == "PATH"));
/// assert_eq!(env.len(), 3);
/// ```
#[must_use]
pub fn environment<K, V, L, W>(
    spec: impl IntoIterator<Item = (K, V)>,
    extra: impl IntoIterator<Item = (L, W)>,
) -> Vec<(OsString, OsString)>
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
    L: AsRef<OsStr>,
    W: AsRef<OsStr>,
{
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let mut env = BTreeMap::from([(OsString::from("PATH"), path)]);
    env.extend(
        spec.into_iter()
            .map(|(name, value)| (name.as_ref().into(), value.as_ref().into())),
    );
    env.extend(
        extra
            .into_iter()
            .map(|(name, value)| (name.as_ref().into(), value.as_ref().into())),
    );
    env.into_iter().collect()
}
