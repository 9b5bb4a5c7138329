//! The arrays that recvmmsg(2) and sendmmsg(2) work on, allocated once.
//!
//! Their headers point into the array beside them and into buffers of the caller. All pointers of a call are made in
//! that call, of borrows that outlive it, and nobody follows them afterwards.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

use libc::{c_int, cmsghdr, iovec, mmsghdr, msghdr};
use rustix::io::Errno;

use super::name::{NAME_BYTES, Name};

/// Messages to be received; their control value is the stride (`UDP_GRO`).
pub(super) type Incoming = Messages<c_int>;
/// Messages to be sent; their control value is the stride (`UDP_SEGMENT`).
pub(super) type Outgoing = Messages<u16>;

/// What is sent with one message.
pub(super) struct Message<'a> {
    pub(super) to: SocketAddr,
    /// One datagram, or more of `stride_bytes` each but for the last.
    pub(super) bytes: &'a [u8],
    pub(super) stride_bytes: usize,
}

/// What was received with one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) from: SocketAddr,
    pub(super) len_bytes: usize,
    pub(super) stride_bytes: usize,
}

/// A fixed number of messages with a control value of type `T`.
pub(super) struct Messages<T> {
    headers: Box<[mmsghdr]>,
    slots: Box<[Slot<T>]>,
}

/// What a header points to.
struct Slot<T> {
    name: Name,
    vector: iovec,
    control: Control<T>,
}

/// A control message with one value (cmsg(3)).
#[derive(Clone, Copy)]
#[repr(C)]
struct Control<T> {
    header: cmsghdr,
    value: T,
}

const _: () = {
    use core::mem::offset_of;
    assert!(offset_of!(Control<c_int>, value) == control_len::<()>());
    assert!(offset_of!(Control<u16>, value) == control_len::<()>());
    // SAFETY: computes a number; nothing is read.
    assert!(size_of::<Control<c_int>>() == unsafe { libc::CMSG_SPACE(4) } as usize);
    // SAFETY: the same.
    assert!(size_of::<Control<u16>>() == unsafe { libc::CMSG_SPACE(2) } as usize);
};

impl<T: Copy + Default> Messages<T> {
    /// Room for `count` messages in one call.
    pub(super) fn new(count: usize) -> Self {
        let slot = |_| Slot {
            name: Name::default(),
            vector: iovec { iov_base: ptr::null_mut(), iov_len: 0 },
            control: Control {
                header: cmsghdr { cmsg_len: 0, cmsg_level: 0, cmsg_type: 0 },
                value: T::default(),
            },
        };
        Self { headers: vec![NO_HEADER; count].into(), slots: (0..count).map(slot).collect() }
    }
}

impl<T> Slot<T> {
    /// A header that points to this slot, with room for the control message or without.
    fn header(&mut self, name_bytes: libc::socklen_t, controlled: bool) -> msghdr {
        msghdr {
            msg_name: (&raw mut self.name).cast(),
            msg_namelen: name_bytes,
            msg_iov: &raw mut self.vector,
            msg_iovlen: 1,
            msg_control: if controlled { (&raw mut self.control).cast() } else { ptr::null_mut() },
            // Without what pads the value: nobody writes that, and tools that watch memory say so.
            msg_controllen: if controlled { control_len::<T>() } else { 0 },
            msg_flags: 0,
        }
    }
}

impl Incoming {
    /// Receives messages that wait, one into each buffer as far as there are buffers and messages. Says how many.
    pub(super) fn receive<'a>(
        &mut self,
        fd: BorrowedFd<'_>,
        buffers: impl Iterator<Item = &'a mut [u8]>,
    ) -> Result<usize, Errno> {
        let mut count = 0;
        for ((header, slot), buffer) in self.headers.iter_mut().zip(&mut self.slots).zip(buffers) {
            slot.vector = iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
            header.msg_hdr = slot.header(NAME_BYTES, true);
            count += 1;
        }
        let headers = self.headers.as_mut_ptr();
        // SAFETY: `count` headers were made above. Each points to its own slot of `self`, which is borrowed until
        // this returns and is not touched meanwhile; the slot's vector covers a buffer that is borrowed mutably for
        // 'a, which outlives this call; the lengths are those of the name, the control and the buffer, and any bytes
        // written there are values of their types. Without a timeout no pointer to one is followed.
        let received =
            unsafe { libc::recvmmsg(fd.as_raw_fd(), headers, count, libc::MSG_DONTWAIT, ptr::null_mut()) };
        counted(received)
    }

    /// What the last receive put into a buffer; nothing if it was longer than the buffer, empty, or of a sender that
    /// cannot be answered (port 0, RFC 768).
    pub(super) fn received(&self, index: usize) -> Option<Received> {
        let (header, slot) = (&self.headers[index], &self.slots[index]);
        let len_bytes = header.msg_len as usize;
        let whole = header.msg_hdr.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC) == 0;
        let from = slot.name.address().filter(|from| from.port() != 0)?;
        let stride_bytes =
            slot.stride(header.msg_hdr.msg_controllen).map_or(len_bytes, |it| it.min(len_bytes));
        (whole && len_bytes > 0).then_some(Received { from, len_bytes, stride_bytes })
    }
}

impl Slot<c_int> {
    /// The stride that the kernel told, if it joined datagrams.
    fn stride(&self, control_bytes: usize) -> Option<usize> {
        let header = &self.control.header;
        let told = control_bytes >= control_len::<c_int>()
            && (header.cmsg_level, header.cmsg_type) == (libc::SOL_UDP, libc::UDP_GRO);
        told.then(|| usize::try_from(self.control.value).unwrap_or(0)).filter(|stride| *stride > 0)
    }
}

impl Outgoing {
    /// Sends messages, as many as there is room for and the kernel takes. Says how many; if it takes none, why it
    /// does not take the first.
    pub(super) fn send<'a>(
        &mut self,
        fd: BorrowedFd<'_>,
        messages: impl Iterator<Item = Message<'a>>,
    ) -> Result<usize, Errno> {
        let mut count = 0;
        for ((header, slot), message) in self.headers.iter_mut().zip(&mut self.slots).zip(messages) {
            header.msg_hdr = slot.fill(&message);
            count += 1;
        }
        assert!(count > 0, "there is something to send");
        let headers = self.headers.as_mut_ptr();
        // SAFETY: `count` headers were made above. Each points to its own slot of `self`, which is borrowed until
        // this returns and is not touched meanwhile; the slot's vector covers bytes that are borrowed for 'a, which
        // outlives this call, and that sendmmsg only reads; the lengths are those of the name, the control and the
        // bytes.
        let sent = unsafe {
            libc::sendmmsg(fd.as_raw_fd(), headers, count, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
        };
        counted(sent)
    }

    /// Bytes of a message of the last send.
    pub(super) fn len_bytes(&self, index: usize) -> usize {
        self.slots[index].vector.iov_len
    }
}

impl Slot<u16> {
    fn fill(&mut self, message: &Message<'_>) -> msghdr {
        let bytes = message.bytes;
        self.name = Name::of(message.to);
        self.vector = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let many = bytes.len() > message.stride_bytes;
        if many {
            // A stride is shorter than a UDP datagram.
            let value = u16::try_from(message.stride_bytes).unwrap_or(u16::MAX);
            let cmsg_len = control_len::<u16>();
            self.control = Control {
                header: cmsghdr { cmsg_len, cmsg_level: libc::SOL_UDP, cmsg_type: libc::UDP_SEGMENT },
                value,
            };
        }
        self.header(self.name.len_bytes(), many)
    }
}

/// `CMSG_LEN` of a value.
const fn control_len<T>() -> usize {
    size_of::<cmsghdr>() + size_of::<T>()
}

fn counted(result: c_int) -> Result<usize, Errno> {
    usize::try_from(result)
        .map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
}

const NO_HEADER: mmsghdr = mmsghdr {
    msg_hdr: msghdr {
        msg_name: ptr::null_mut(),
        msg_namelen: 0,
        msg_iov: ptr::null_mut(),
        msg_iovlen: 0,
        msg_control: ptr::null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    },
    msg_len: 0,
};
