//! Clients behind a proxy (section P): the header with which a proxy says whose connection it
//! passes on, and the list of proxies from which one must come. Nothing here reads a socket.

mod crc32c;
pub mod header;
pub mod networks;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod text;
