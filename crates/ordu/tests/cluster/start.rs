//! What a node refuses to start with.

use ordu::cluster_key::ClusterKey;
use ordu::{Node, StartError, WorkerKind};

use crate::world::World;

crate::trials![
    a_node_without_a_key_is_refused,
    a_node_with_a_bad_name_is_refused,
    a_node_that_says_too_much_of_itself_is_refused,
    a_key_file_that_others_can_read_is_refused,
    an_address_to_join_at_needs_a_port,
    processes_need_a_data_directory,
    a_data_directory_serves_one_node_at_a_time,
    a_port_that_is_taken_is_an_error_and_leaves_nothing,
    listening_everywhere_needs_an_address_to_advertise,
    a_kind_registered_twice_is_refused,
    a_node_tells_which_hordes_it_knows,
];

async fn a_node_without_a_key_is_refused() {
    assert!(matches!(Node::builder("n").start().await, Err(StartError::NoKey)));
}

async fn a_node_with_a_bad_name_is_refused() {
    let builder = Node::builder("no spaces").key(ClusterKey::generate().unwrap());
    assert!(matches!(builder.start().await, Err(StartError::Name(_))));
}

async fn a_node_that_says_too_much_of_itself_is_refused() {
    let world = World::new();
    let long = world.builder("n", &[]).label("zone", "a".repeat(63 * 1024));
    let many = (0..300).fold(world.builder("n", &[]), |builder, number| {
        builder.label(format!("label-{number}"), "a".repeat(255))
    });
    for builder in [long, many] {
        let error = builder.start().await.unwrap_err();
        assert!(matches!(error, StartError::Config(_)), "{error}");
    }
}

async fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    let path = world.dir.path().join("cluster.key");
    world.key.create_file(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();

    let error = Node::builder("n").key_file(&path).start().await.unwrap_err();

    assert!(matches!(error, StartError::KeyFile(_)), "{error}");
}

async fn an_address_to_join_at_needs_a_port() {
    let error = World::new()
        .builder("n", &[])
        .join("10.0.0.1")
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Join { .. }), "{error}");
}

async fn processes_need_a_data_directory() {
    let builder = Node::builder("n")
        .key(ClusterKey::generate().unwrap())
        .processes();
    assert!(matches!(builder.start().await, Err(StartError::NoDataDir)));
}

async fn a_data_directory_serves_one_node_at_a_time() {
    let world = World::new();
    let first = world.builder("n", &[]).start().await.unwrap();

    let second = world.builder("n", &[]).start().await;

    assert!(matches!(second, Err(StartError::DataDirInUse { .. })));
    first.leave().await;
    world.builder("n", &[]).start().await.unwrap();
}

async fn a_port_that_is_taken_is_an_error_and_leaves_nothing() {
    let world = World::new();
    let first = world.builder("n1", &[]).start().await.unwrap();

    let error = world
        .builder("n2", &[])
        .listen(first.addr())
        .start()
        .await
        .unwrap_err();

    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    // Its data directory is free again.
    world.builder("n2", &[]).start().await.unwrap();
}

async fn listening_everywhere_needs_an_address_to_advertise() {
    let world = World::new();
    let everywhere = "0.0.0.0:0".parse().unwrap();

    let error = world
        .builder("n1", &[])
        .listen(everywhere)
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Advertise { .. }), "{error}");

    let told = world
        .builder("n1", &[])
        .listen(everywhere)
        .advertise("127.0.0.1:0".parse().unwrap());
    let told = told.start().await.unwrap();
    assert_ne!(told.addr().port(), 0);
    let joined = world
        .builder("n2", &[&told])
        .listen(everywhere)
        .start()
        .await
        .unwrap();
    assert!(joined.addr().ip().is_loopback());
}

async fn a_kind_registered_twice_is_refused() {
    #[derive(Debug)]
    struct Impostor;
    impl WorkerKind for Impostor {
        fn kind(&self) -> ordu::Kind {
            ordu::Kind::new("process").unwrap()
        }
        fn versions(&self) -> Vec<u16> {
            vec![1]
        }
        fn start(&self, _: ordu::StartRequest, starting: ordu::Starting) {
            starting.ignored();
        }
        fn shutdown(&self, _: ordu::StartId) {}
        fn kill(&self, _: ordu::StartId) {}
    }
    let error = World::new()
        .builder("n", &[])
        .kind(Impostor)
        .start()
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::DuplicateKind { .. }), "{error}");
}

async fn a_node_tells_which_hordes_it_knows() {
    let node = World::new()
        .builder("n", &[])
        .horde("rooms")
        .horde("jobs")
        .start()
        .await
        .unwrap();
    assert_eq!(node.horde("jobs").unwrap().name().as_str(), "jobs");
    let error = node.horde("default").unwrap_err();
    assert!(error.to_string().contains("rooms"), "{error}");
}
