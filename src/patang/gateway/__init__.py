"""The order gateway: many clients trade one account through the one host that may."""
