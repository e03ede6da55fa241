//! Disconnect codes (devp2p `rlpx.md`), sent strictly and read leniently.

use std::fmt;

/// Why a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DisconnectReason {
    /// 0x00
    Requested,
    /// 0x01
    TcpError,
    /// 0x02
    ProtocolBreach,
    /// 0x03
    UselessPeer,
    /// 0x04
    TooManyPeers,
    /// 0x05
    AlreadyConnected,
    /// 0x06
    IncompatibleVersion,
    /// 0x07
    NullIdentity,
    /// 0x08
    Quitting,
    /// 0x09
    UnexpectedIdentity,
    /// 0x0a
    SelfConnection,
    /// 0x0b
    Timeout,
    /// 0x10
    Subprotocol,
    /// Any other code.
    Other(u8),
}

impl DisconnectReason {
    /// Wire code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Requested => 0x00,
            Self::TcpError => 0x01,
            Self::ProtocolBreach => 0x02,
            Self::UselessPeer => 0x03,
            Self::TooManyPeers => 0x04,
            Self::AlreadyConnected => 0x05,
            Self::IncompatibleVersion => 0x06,
            Self::NullIdentity => 0x07,
            Self::Quitting => 0x08,
            Self::UnexpectedIdentity => 0x09,
            Self::SelfConnection => 0x0a,
            Self::Timeout => 0x0b,
            Self::Subprotocol => 0x10,
            Self::Other(code) => code,
        }
    }

    /// Reads a wire code.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            0x00 => Self::Requested,
            0x01 => Self::TcpError,
            0x02 => Self::ProtocolBreach,
            0x03 => Self::UselessPeer,
            0x04 => Self::TooManyPeers,
            0x05 => Self::AlreadyConnected,
            0x06 => Self::IncompatibleVersion,
            0x07 => Self::NullIdentity,
            0x08 => Self::Quitting,
            0x09 => Self::UnexpectedIdentity,
            0x0a => Self::SelfConnection,
            0x0b => Self::Timeout,
            0x10 => Self::Subprotocol,
            other => Self::Other(other),
        }
    }

    /// Message data: `[code]`.
    #[must_use]
    pub fn encode(self) -> Vec<u8> {
        match self.code() {
            0 => vec![0xc1, 0x80],
            code if code < 0x80 => vec![0xc1, code],
            code => vec![0xc2, 0x81, code],
        }
    }

    /// Reads message data. Clients in the field send a list, a bare integer, an empty list or more bytes than one; what
    /// is unreadable counts as [`DisconnectReason::Requested`], since the connection ends either way.
    #[must_use]
    pub fn decode(data: &[u8]) -> Self {
        let item = match data {
            [0xc0, ..] | [] => return Self::Requested,
            [first, rest @ ..] if *first > 0xc0 && *first <= 0xf7 => rest,
            _ => data,
        };
        match item {
            [0x80, ..] | [] => Self::Requested,
            [first, ..] if *first < 0x80 => Self::from_code(*first),
            [_, rest @ ..] => rest.last().map_or(Self::Requested, |code| Self::from_code(*code)),
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Requested => "requested",
            Self::TcpError => "TCP error",
            Self::ProtocolBreach => "protocol breach",
            Self::UselessPeer => "useless peer",
            Self::TooManyPeers => "too many peers",
            Self::AlreadyConnected => "already connected",
            Self::IncompatibleVersion => "incompatible p2p version",
            Self::NullIdentity => "null identity",
            Self::Quitting => "client quitting",
            Self::UnexpectedIdentity => "unexpected identity",
            Self::SelfConnection => "connected to itself",
            Self::Timeout => "timeout",
            Self::Subprotocol => "subprotocol error",
            Self::Other(code) => return write!(f, "code {code:#04x}"),
        };
        f.write_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::DisconnectReason::{self, AlreadyConnected, Other, Quitting, Requested};

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=0xff {
            let reason = DisconnectReason::from_code(code);
            assert_eq!(DisconnectReason::decode(&reason.encode()), reason);
        }
    }

    #[test]
    fn odd_shapes_from_the_field_are_read() {
        for (data, want) in [
            (&[0xc1u8, 0x08][..], Quitting),
            (&[0xc1, 0x80], Requested),
            (&[0x05], AlreadyConnected),
            (&[0xc0], Requested),
            (&[], Requested),
            (&[0xc3, 0x82, 0x00, 0x08], Quitting),
            (&[0x0f], Other(0x0f)),
            (&[0xf8], Requested),
        ] {
            assert_eq!(DisconnectReason::decode(data), want, "{data:02x?}");
        }
    }
}
