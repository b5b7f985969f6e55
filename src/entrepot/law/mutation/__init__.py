"""Do the cases notice when the law is miswritten? Each rule is changed a little, many times."""
