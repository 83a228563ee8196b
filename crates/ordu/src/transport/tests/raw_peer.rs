use std::net::SocketAddr;

use quinn::{Connection, Endpoint, SendStream};

use crate::cluster_key::{ClusterKey, SERVER_NAME};
use crate::transport::connection::open_streams;
use crate::transport::quic;

const LOOPBACK: &str = "127.0.0.1:0";

/// A peer that holds the key, has the id 99 and speaks QUIC by hand.
pub(super) struct RawPeer {
    /// Kept, or the connection ends.
    _endpoint: Endpoint,
    pub(super) connection: Connection,
}

impl RawPeer {
    pub(super) async fn connect(key: &ClusterKey, addr: SocketAddr) -> Self {
        let credentials = key.credentials("test", 99).unwrap();
        let endpoint = Endpoint::client(LOOPBACK.parse().unwrap()).unwrap();
        let config = quic::client_config(&credentials).unwrap();
        let connection = endpoint
            .connect_with(config, addr, SERVER_NAME)
            .unwrap()
            .await
            .unwrap();
        Self {
            _endpoint: endpoint,
            connection,
        }
    }

    /// Listens with QUIC and nothing else.
    pub(super) fn listen(key: &ClusterKey) -> RawListener {
        let credentials = key.credentials("test", 99).unwrap();
        let config = quic::server_config(&credentials).unwrap();
        RawListener(Endpoint::server(config, LOOPBACK.parse().unwrap()).unwrap())
    }

    pub(super) async fn send_on_new_stream(&self, bytes: &[u8]) -> SendStream {
        let mut stream = self.connection.open_uni().await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream
    }
}

pub(super) struct RawListener(Endpoint);

impl RawListener {
    pub(super) fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Accepts as a node does; the connection lasts as long as what is returned.
    pub(super) async fn accept(&self) -> (Connection, Vec<SendStream>) {
        let connection = self.0.accept().await.unwrap().await.unwrap();
        let streams = open_streams(&connection).await.unwrap();
        (connection, streams)
    }
}
