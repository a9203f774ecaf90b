//! A call's key: the bytes that its slot is computed from.
//!
//! They follow the value's serde shape, so that every process and codec agrees on them. Text is itself; an integer, a bool
//! or a char is its plain text; `Some` and a newtype are what they wrap; a unit variant is its name; anything else is
//! compact JSON with sorted member names. Components are joined by one 0x1F byte.
//!
//! The bytes come from our own serializer and never pass through `serde_json::Value`, whose shape depends on features
//! (`preserve_order`, `arbitrary_precision`) that another crate of the program may have switched on.

mod canonical;
mod component;
mod error;
mod member;
mod object;

use std::fmt;

use serde::Serialize;

pub use self::error::KeyError;

use self::component::{Component, Sink};
use crate::slot::{Slot, hash_tag};

/// Between two components; a control character that keys hardly ever hold (and if one does, two keys may share a slot,
/// which costs nothing).
const SEPARATOR: u8 = 0x1F;

/// Keys up to this many bytes stay off the heap: two UUIDs and a name fit, and the stack hardly notices.
const INLINE_BYTES: usize = 128;

/// The slot of a key with one component. Allocates nothing for text, integers, bools, chars and unit variants.
///
/// # Errors
/// [`KeyError`] if the value cannot be a key.
#[inline]
pub fn slot_of<T: Serialize + ?Sized>(component: &T) -> Result<Slot, KeyError> {
    component.serialize(Component(SlotOnly))
}

/// Hashes the one component where it lies.
struct SlotOnly;

impl Sink for SlotOnly {
    type Ok = Slot;

    #[inline]
    fn plain(self, text: &[u8]) -> Slot {
        Slot::of_text(text)
    }

    fn json(self, text: &[u8]) -> Slot {
        Slot::of_bytes(text)
    }
}

/// A key under construction: its components so far, in the order of the arguments.
#[derive(Clone)]
pub struct Key {
    inline: [u8; INLINE_BYTES],
    inline_len: usize,
    /// All the bytes, once they outgrow `inline`; empty until then.
    spilled: Vec<u8>,
    started: bool,
    /// Whether every component so far is text or scalar: only then do braces mark a hash tag, since JSON has its own.
    plain: bool,
}

impl Key {
    /// A key without components, whose slot is that of the empty text.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self { inline: [0; INLINE_BYTES], inline_len: 0, spilled: Vec::new(), started: false, plain: true }
    }

    /// Adds the next component.
    ///
    /// # Errors
    /// [`KeyError`] if the value cannot be part of a key; the key is then as it was.
    #[inline]
    pub fn push<T: Serialize + ?Sized>(&mut self, component: &T) -> Result<(), KeyError> {
        component.serialize(Component(self))
    }

    /// The slot that the key belongs to.
    #[inline]
    #[must_use]
    pub fn slot(&self) -> Slot {
        Slot::of_bytes(self.hashed())
    }

    /// All the key's bytes.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        if self.spilled.is_empty() { &self.inline[..self.inline_len] } else { &self.spilled }
    }

    /// The bytes that are hashed: the hash tag if the key has one, else all of them.
    #[inline]
    #[must_use]
    pub fn hashed(&self) -> &[u8] {
        if self.plain { hash_tag(self.bytes()) } else { self.bytes() }
    }

    fn append_component(&mut self, text: &[u8]) {
        if self.started {
            self.extend(&[SEPARATOR]);
        }
        self.started = true;
        self.extend(text);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let end = self.inline_len + bytes.len();
        if self.spilled.is_empty() && end <= INLINE_BYTES {
            self.inline[self.inline_len..end].copy_from_slice(bytes);
            self.inline_len = end;
            return;
        }
        if self.spilled.is_empty() {
            self.spilled.reserve(end);
            self.spilled.extend_from_slice(&self.inline[..self.inline_len]);
        }
        self.spilled.extend_from_slice(bytes);
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(\"{}\")", self.bytes().escape_ascii())
    }
}

impl Sink for &mut Key {
    type Ok = ();

    #[inline]
    fn plain(self, text: &[u8]) {
        self.append_component(text);
    }

    fn json(self, text: &[u8]) {
        self.plain = false;
        self.append_component(text);
    }
}

#[cfg(test)]
mod tests;
