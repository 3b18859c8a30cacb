package=rk
version=0.1.0
