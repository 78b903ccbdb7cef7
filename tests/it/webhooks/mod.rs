//! Webhooks: what people do about them, what arrives, and what fails on the way.

mod commands;
mod faults;
mod house;
mod reach;
mod schedule;
mod stories;
