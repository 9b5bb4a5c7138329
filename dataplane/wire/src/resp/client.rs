//! The client side of RESP: requests out, replies in.
