"""What every stage needs of its surroundings: files written whole, progress, the machine, and a clean end."""
