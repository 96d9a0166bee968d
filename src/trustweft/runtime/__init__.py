"""What every part stands on: clock, entropy, secrets, strict JSON, errors, settings. Knows nothing of OAuth."""
