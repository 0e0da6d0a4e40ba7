//! The little of Kafka's protocol that a proxy must read: frames, and which of them ask for an append.
//!
//! A frame is a length and as many bytes. A request begins with the interface's number, its version and a correlation
//! number; its answer begins with the same correlation number (<https://kafka.apache.org/protocol#protocol_messages>).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The interface by which records are appended.
const PRODUCE: i16 = 0;

/// Largest frame that is believed.
const LARGEST: usize = 128 << 20;

/// A frame, its length included.
pub(super) struct Frame(Vec<u8>);

impl Frame {
    /// The next frame; none at the end of the stream.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Frame>> {
        let mut length = [0; 4];
        match from.read_exact(&mut length).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let size = u32::from_be_bytes(length) as usize;
        if size > LARGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {size} bytes")));
        }
        let mut bytes = vec![0; 4 + size];
        bytes[..4].copy_from_slice(&length);
        from.read_exact(&mut bytes[4..]).await?;
        Ok(Some(Frame(bytes)))
    }

    /// All of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The correlation number of a request that appends.
    pub(super) fn append(&self) -> Option<i32> {
        let interface = i16::from_be_bytes(self.at(4)?);
        (interface == PRODUCE).then(|| self.at(8).map(i32::from_be_bytes)).flatten()
    }

    /// The correlation number of an answer.
    pub(super) fn answers(&self) -> Option<i32> {
        self.at(4).map(i32::from_be_bytes)
    }

    fn at<const N: usize>(&self, place: usize) -> Option<[u8; N]> {
        self.0.get(place..place + N).and_then(|bytes| bytes.try_into().ok())
    }
}
