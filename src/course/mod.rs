//! The course: exercises on the disk, and the grading of answers to them.
//!
//! An answer is graded by what it does. [`grade`] makes a private copy of it (`copy`), starts the recording
//! [`backends`], serves the copy by a bounded process of its own ([`graded`], steered by `served`), sends requests
//! over sockets (`run`, `client`), compares both ends (`compare`) with what the exercise's check.toml asks ([`checks`]), and
//! says the first thing that is wrong ([`verdict`]).

mod advice;
pub mod backends;
pub mod checks;
pub mod client;
mod compare;
mod copy;
pub mod desk;
mod diagnose;
pub mod exercise;
pub mod grade;
pub mod graded;
pub mod junit;
mod message;
pub mod nginx;
pub mod placeholders;
pub mod progress;
pub mod prove;
mod review;
mod run;
mod served;
pub mod verdict;
