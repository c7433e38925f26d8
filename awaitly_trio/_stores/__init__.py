"""Keeping: where what must outlive a run is put."""
