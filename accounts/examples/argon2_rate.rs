//! Prints how many Argon2id hashes per second this machine computes on all its cores at the default
//! cost. The rate of sign-ins is compared to it.
//!
//! `cargo run --release -p accounts --example argon2_rate -- <seconds>`

use std::{
    thread,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};

fn main() {
    let seconds = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(5);
    let duration = Duration::from_secs(seconds);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let started = Instant::now();
    let threads: Vec<_> = (0..cores)
        .map(|_| thread::spawn(move || hash_for(duration)))
        .collect();
    let hashes: u32 = threads
        .into_iter()
        .map(|thread| thread.join().expect("hashing does not panic"))
        .sum();
    let rate = f64::from(hashes) / started.elapsed().as_secs_f64();
    #[allow(clippy::print_stdout)] // its output
    {
        println!("{rate:.1}");
    }
}

fn hash_for(duration: Duration) -> u32 {
    let params = Params::new(19_456, 2, 1, Some(32)).expect("these are the default parameters");
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let started = Instant::now();
    let mut hashes = 0;
    while started.elapsed() < duration {
        let mut output = [0; 32];
        argon2
            .hash_password_into_with_memory(b"a password", &[7; 16], &mut output, &mut memory)
            .expect("the salt and the memory are large enough");
        hashes += 1;
    }
    hashes
}
