"""What an incident leaves on paper: two reports and a bundle whose every file can be checked later."""
