"""What the two panels share. Needs Slicer's Qt: imported by the modules when their panel opens, by nothing else."""
