"""Running code and watching what comes out, by three means behind one port."""
