mod change;
mod reset;
