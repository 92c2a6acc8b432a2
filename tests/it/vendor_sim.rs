//! Filled in soon: vendor_sim.
