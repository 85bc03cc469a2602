"""Who somebody is: principals, their keys and roles."""
