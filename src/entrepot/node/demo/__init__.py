"""Sample content for `entrepot serve --demo`: a registry with a past, made by real signed acts.

Everybody in it is invented. Their identifiers have right check digits and belong to nobody (LEI
with the prefix 9999, which no issuer has). The human decisions are approved by `authenticator`, a
passkey in software that exists for demonstrations only; nothing else about the node is different.
"""
