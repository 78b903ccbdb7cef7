//! What leaves the house by mail: from an event to a real mail server, with a clock that waits to be told.

mod faults;
mod house;
mod limits;
mod right_mail;
