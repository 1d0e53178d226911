"""Floor 5: joins the rooms. The only place that hands one room to another."""
