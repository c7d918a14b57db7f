"""The probe function: looks at the internet from inside the VPC."""
