use alloc::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A value of the replicated map: opaque bytes with a version in front, so that a node stores and forwards
/// what it cannot read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Value(#[serde(with = "bytes")] Arc<[u8]>);

/// The version this node writes, and the only one so far that it reads.
const VERSION: u8 = 1;

impl Value {
    pub(crate) fn encode<T: Serialize>(register: &T) -> Self {
        let bytes = postcard::to_extend(register, alloc::vec![VERSION])
            .expect("registers are plain data, which postcard always encodes");
        Self(bytes.into())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// `None`: written by a newer version, or damaged.
    pub(crate) fn decode<T: DeserializeOwned>(&self) -> Option<T> {
        match self.0.split_first() {
            Some((&VERSION, bytes)) => postcard::from_bytes(bytes).ok(),
            _ => None,
        }
    }
}

/// At once, not byte by byte.
mod bytes {
    use alloc::sync::Arc;
    use core::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        deserializer.deserialize_bytes(Bytes)
    }

    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Arc<[u8]>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bytes")
        }

        fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
            Ok(bytes.into())
        }
    }
}
