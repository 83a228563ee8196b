use std::sync::Arc;

use ordu_core::{
    ChildId, ChildInfo, ChildSpec, ChildState, HordeName, Kind, MemberInfo, MemberState, NodeId, NodeName,
};

use super::Published;

fn child(id: &str, state: ChildState) -> Arc<ChildInfo> {
    Arc::new(ChildInfo {
        horde: HordeName::new("h").unwrap(),
        id: ChildId::new(id).unwrap(),
        spec: Arc::new(ChildSpec::new(Kind::new("k").unwrap(), 1, Vec::new())),
        state,
        is_stopping: false,
        node: None,
        token: None,
        os_pid: None,
        restarts: 0,
        reason: None,
    })
}

fn member(id: u128, name: &str) -> Arc<MemberInfo> {
    Arc::new(MemberInfo {
        id: NodeId(id),
        name: NodeName::new(name).unwrap(),
        addr: "127.0.0.1:1".parse().unwrap(),
        state: MemberState::Alive,
        children: 0,
    })
}

#[test]
fn a_published_child_is_found_by_handles_taken_before_and_after() {
    let published = Published::new();
    let horde = HordeName::new("h").unwrap();
    let before = published.children(&horde);
    let info = child("a", ChildState::Running);

    published.publish_child(&horde, info.id.clone(), Some(Arc::clone(&info)));

    assert_eq!(before.lookup("a"), Some(Arc::clone(&info)));
    assert_eq!(published.children(&horde).lookup("a"), Some(info));
    assert_eq!(
        published.children(&HordeName::new("other").unwrap()).lookup("a"),
        None
    );
}

#[test]
fn the_newest_publication_wins_and_none_removes() {
    let published = Published::new();
    let horde = HordeName::new("h").unwrap();
    let id = ChildId::new("a").unwrap();
    published.publish_child(&horde, id.clone(), Some(child("a", ChildState::Starting)));
    published.publish_child(&horde, id.clone(), Some(child("a", ChildState::Running)));
    let children = published.children(&horde);
    assert_eq!(
        children.lookup("a").map(|child| child.state),
        Some(ChildState::Running)
    );

    published.publish_child(&horde, id, None);

    assert_eq!(children.lookup("a"), None);
}

#[test]
fn children_come_in_the_order_of_their_ids() {
    let published = Published::new();
    let horde = HordeName::new("h").unwrap();
    for id in ["b", "c", "a"] {
        let info = child(id, ChildState::Running);
        published.publish_child(&horde, info.id.clone(), Some(info));
    }
    let ids: Vec<String> = published
        .children(&horde)
        .all()
        .iter()
        .map(|child| child.id.to_string())
        .collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

#[test]
fn members_come_in_the_order_of_their_names() {
    let published = Published::new();
    for (id, name) in [(1, "n2"), (2, "n1"), (3, "n2")] {
        published.publish_member(NodeId(id), Some(member(id, name)));
    }
    published.publish_member(NodeId(3), None);
    let names: Vec<u128> = published
        .members()
        .all()
        .iter()
        .map(|member| member.id.0)
        .collect();
    assert_eq!(names, [2, 1]);
}

#[tokio::test]
async fn an_announcement_wakes_those_who_wait_for_changes() {
    let published = Published::new();
    let mut changes = published.changes();
    assert!(!changes.has_changed().unwrap());
    published.announce();
    changes.changed().await.unwrap();
}
