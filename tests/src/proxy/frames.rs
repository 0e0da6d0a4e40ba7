//! The little of Kafka's protocol that a proxy must read: frames, and which of them ask for an append.
//!
//! A frame is a length and as many bytes. A request begins with the interface's number, its version and a correlation
//! number; its answer begins with the same correlation number (<https://kafka.apache.org/protocol#protocol_messages>).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// The interface by which records are appended.
const PRODUCE: i16 = 0;

/// What a broker answers whose memory of a producer's order is another.
const OUT_OF_ORDER: i16 = 45;

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

    /// The correlation number and the version of a request that appends.
    pub(super) fn append(&self) -> Option<(i32, i16)> {
        let interface = i16::from_be_bytes(self.at(4)?);
        let id = self.at(8).map(i32::from_be_bytes)?;
        (interface == PRODUCE).then_some((id, i16::from_be_bytes(self.at(6)?)))
    }

    /// Let the answer of an append of this version, to one partition, say that the producer's order is lost.
    pub(super) fn tell_of_lost_order(&mut self, version: i16) {
        // Length and correlation number; one topic, its name, one partition, its number; then the code. From version 9
        // on lengths are short, and a byte counts further fields of the head.
        let code = match version {
            ..9 => self.at(12).map(|length| 14 + usize::from(u16::from_be_bytes(length)) + 8),
            _ => self.0.get(10).map(|length| 10 + usize::from(*length) + 1 + 4),
        };
        if let Some(code) = code.and_then(|at| self.0.get_mut(at..at + 2)) {
            code.copy_from_slice(&OUT_OF_ORDER.to_be_bytes());
        }
    }

    /// The correlation number of an answer.
    pub(super) fn answers(&self) -> Option<i32> {
        self.at(4).map(i32::from_be_bytes)
    }

    fn at<const N: usize>(&self, place: usize) -> Option<[u8; N]> {
        self.0.get(place..place + N).and_then(|bytes| bytes.try_into().ok())
    }
}
