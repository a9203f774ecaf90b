//! The examples as people use them: whole programs, clusters of processes, and web pages in a browser.

mod browser;
mod demonstration;
mod http;
mod live;
mod nodes;
mod pages;
mod program;
mod to_the_end;
