//! Names of children.

use std::fmt;
use std::sync::Arc;

use super::mailbox::SupervisorId;
use super::text::OneLine;
use crate::decisions::Incarnation;

/// The name of a child: unique under a static supervisor, a mere label under a dynamic one. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(Arc<str>);

impl ChildId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ChildId {
    fn from(id: &str) -> Self {
        Self(id.into())
    }
}

impl From<String> for ChildId {
    fn from(id: String) -> Self {
        Self(id.into())
    }
}

impl From<&ChildId> for ChildId {
    fn from(id: &ChildId) -> Self {
        id.clone()
    }
}

impl AsRef<str> for ChildId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for ChildId {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for ChildId {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Debug for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for ChildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One run of a child under one supervisor. It plays the part of Erlang's pid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildRef {
    /// So that it never means a child of another supervisor.
    supervisor: SupervisorId,
    id: ChildId,
    incarnation: Incarnation,
}

impl ChildRef {
    pub(super) fn new(supervisor: SupervisorId, id: ChildId, incarnation: Incarnation) -> Self {
        Self {
            supervisor,
            id,
            incarnation,
        }
    }

    pub(super) fn supervisor(&self) -> SupervisorId {
        self.supervisor
    }

    /// The child's name.
    pub fn id(&self) -> &ChildId {
        &self.id
    }

    /// Which start of the child this is; rises with every start under the same supervisor.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }
}

impl fmt::Display for ChildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", OneLine(&self.id), self.incarnation)
    }
}
