//! The allocator of this library: the C library's, with a reserve.
//!
//! Rust ends a process that gets no memory, and the postmaster then restarts all others. A
//! user can have a session use up all the memory that it may have. The server then reports
//! an error and goes on, and so must a firing (rule F13). So what users can make large is
//! allocated in a way that may fail, and all the rest, which is small and lives shortly,
//! comes from a reserve if there is nothing else.
//!
//! The reserve is a static variable, so that it costs nothing but address space as long as
//! nobody uses it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many bytes the largest object from the reserve has. A record of the session audit
/// takes about two thousand as JSON, and the message of a panic less.
const SIZE: usize = 4096;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

static RESERVE: Reserve = Reserve {
    places: UnsafeCell::new([const { Place([0; SIZE]) }; u32::BITS as usize]),
    taken: AtomicU32::new(0),
};

struct Allocator;

/// Places for objects, each of which takes one, whatever its size.
struct Reserve {
    places: UnsafeCell<[Place; u32::BITS as usize]>,
    /// A bit for each place that is in use.
    taken: AtomicU32,
}

#[repr(align(16))]
struct Place(#[expect(dead_code, reason = "it is memory for objects of other types")] [u8; SIZE]);

// SAFETY: a process of the server has one thread (see the crate's documentation), and a
// place belongs to one object.
unsafe impl Sync for Reserve {}

impl Reserve {
    /// The place that an object has, if it is from the reserve.
    fn place_of(&self, object: *mut u8) -> Option<usize> {
        let place = object.addr().wrapping_sub(self.places.get().addr()) / SIZE;
        (place < u32::BITS as usize).then_some(place)
    }

    fn fits(layout: Layout) -> bool {
        layout.size() <= SIZE && layout.align() <= align_of::<Place>()
    }

    /// Memory for an object, or null if there is none.
    fn take(&self, layout: Layout) -> *mut u8 {
        let taken = self.taken.load(Relaxed);
        let place = taken.trailing_ones();
        if place == u32::BITS || !Reserve::fits(layout) {
            return ptr::null_mut();
        }
        self.taken.store(taken | 1 << place, Relaxed);
        // SAFETY: there are as many places as the number has bits.
        unsafe { self.places.get().cast::<Place>().add(place as usize).cast() }
    }

    fn give_back(&self, place: usize) {
        self.taken.fetch_and(!(1 << place), Relaxed);
    }
}

// SAFETY: what it gives out fits the layout and belongs to nobody else, be it from the C
// library or from the reserve; where it came from tells its address. It never unwinds.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        #[cfg(feature = "faults")]
        if crate::pg::server::fault::no_memory() {
            return RESERVE.take(layout);
        }
        // SAFETY: the caller keeps the rules of this function, which are the same there.
        let object = unsafe { System.alloc(layout) };
        if object.is_null() {
            RESERVE.take(layout)
        } else {
            object
        }
    }

    unsafe fn dealloc(&self, object: *mut u8, layout: Layout) {
        match RESERVE.place_of(object) {
            Some(place) => RESERVE.give_back(place),
            // SAFETY: what is not from the reserve is from there.
            None => unsafe { System.dealloc(object, layout) },
        }
    }

    unsafe fn realloc(&self, object: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the new size makes a valid layout.
        let new_layout = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        let from_reserve = RESERVE.place_of(object).is_some();
        if from_reserve && Reserve::fits(new_layout) {
            return object;
        }
        #[cfg(feature = "faults")]
        let refused = crate::pg::server::fault::no_memory();
        #[cfg(not(feature = "faults"))]
        let refused = false;
        if !from_reserve && !refused {
            // SAFETY: what is not from the reserve is from there.
            let moved = unsafe { System.realloc(object, layout, size) };
            if !moved.is_null() {
                return moved;
            }
        }
        if !from_reserve && size <= layout.size() {
            // It has room, and the C library does not ask for the size when it is freed.
            return object;
        }
        // SAFETY: the size is not zero, as the caller promises.
        let moved = unsafe { self.alloc(new_layout) };
        if !moved.is_null() {
            // SAFETY: both objects have so many bytes, and are different ones. The old one
            // has its layout, and is not used any more.
            unsafe {
                ptr::copy_nonoverlapping(object, moved, layout.size().min(size));
                self.dealloc(object, layout);
            }
        }
        moved
    }
}
