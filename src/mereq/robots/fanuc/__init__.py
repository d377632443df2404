"""FANUC's controllers: Remote Motion Interface (RMI), option R912."""
