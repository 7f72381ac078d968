"""What the system tests are made of: a lab, a switch, and peers that talk to it."""
