//! Where in the tree something happens: for log lines, and for the names of tasks.

use std::fmt::{self, Write};
use std::iter::successors;
use std::sync::Arc;

use tracing::field::{DisplayValue, display};

use super::child_id::ChildId;
use super::mailbox::SupervisorId;
use super::shared::Shared;
use super::text::Field;

/// How many levels of a path are written, the nearest ones: a tree may be deep.
const LEVELS: usize = 8;

/// What the log lines of this crate can be chosen by, wherever in it they are written.
pub(super) const TARGET: &str = "ordu_supervisor";

tokio::task_local! {
    /// The supervisor whose loop the current task is.
    static SERVED: SupervisorPath;
}

/// A supervisor by the children it is below: `#3/app/pool` is child `pool` of child `app` of the supervisor that
/// is the third of this program (counted from 0) and nobody's child. Written only when somebody reads it.
#[derive(Clone)]
pub(super) struct SupervisorPath {
    id: SupervisorId,
    parent: Option<Arc<Shared>>,
}

impl SupervisorPath {
    pub(super) fn new(id: SupervisorId, parent: Option<Arc<Shared>>) -> Self {
        Self { id, parent }
    }

    /// Runs its loop: what is logged there names it.
    pub(super) fn serve<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        SERVED.scope(self, future)
    }
}

impl fmt::Display for SupervisorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut above = successors(self.parent.as_deref(), |child| child.parent.as_deref());
        let nearest: Vec<&Shared> = above.by_ref().take(LEVELS).collect();
        if above.next().is_some() {
            f.write_char('…')?;
        } else {
            let root = nearest.last().map_or(self.id, |child| child.supervisor);
            write!(f, "{root}")?;
        }
        nearest
            .iter()
            .rev()
            .try_for_each(|child| write!(f, "/{}", Field::name(&child.id)))
    }
}

/// A child by its name and those above it: `#3/app/pool/worker`.
pub(super) struct ChildPath<'a>(pub(super) &'a Shared);

impl fmt::Display for ChildPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", supervisor_of(self.0), Field::name(&self.0.id))
    }
}

/// The supervisor for which the current code runs, be it in its loop or in a child, as a field of a log line.
pub(super) fn supervisor() -> Option<DisplayValue<SupervisorPath>> {
    Shared::current()
        .map(|child| supervisor_of(&child))
        .or_else(|| SERVED.try_with(Clone::clone).ok())
        .map(display)
}

/// The child for which the current code runs, as a field of a log line.
pub(super) fn child() -> Option<DisplayValue<Field<ChildId>>> {
    Shared::current().map(|child| display(Field::name(child.id.clone())))
}

fn supervisor_of(child: &Shared) -> SupervisorPath {
    SupervisorPath::new(child.supervisor, child.parent.clone())
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::decisions::Incarnation;
    use crate::driver::mailbox::{Message, NewsSink};

    fn child(id: &str, supervisor: SupervisorId, parent: Option<Arc<Shared>>) -> Arc<Shared> {
        let news = NewsSink::new::<()>(unbounded_channel::<Message<()>>().0);
        Shared::new(supervisor, id.into(), Incarnation::new(1), parent, news)
    }

    #[test]
    fn a_path_leads_from_the_root_to_the_child() {
        let (root, below) = (SupervisorId::new(), SupervisorId::new());
        let app = child("app", root, None);
        let pool = child("pool", below, Some(app));
        assert_eq!(
            SupervisorPath::new(SupervisorId::new(), Some(Arc::clone(&pool))).to_string(),
            format!("{root}/app/pool")
        );
        assert_eq!(ChildPath(&pool).to_string(), format!("{root}/app/pool"));
        assert_eq!(SupervisorPath::new(root, None).to_string(), root.to_string());
    }

    #[test]
    fn of_a_path_of_any_depth_the_nearest_levels_are_written() {
        let root = SupervisorId::new();
        let deepest = (0..50_000).fold(None, |above, level| Some(child(&level.to_string(), root, above)));
        let path = SupervisorPath::new(SupervisorId::new(), deepest).to_string();
        assert_eq!(path, "…/49992/49993/49994/49995/49996/49997/49998/49999");
    }
}
