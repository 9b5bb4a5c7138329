# hook call
# The pointer runs backwards until its address wraps: how many turns that takes tells where the input lies.
f0:
    mov %r0, -8
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 8
    ldxdw %r0, [%r1-8]
    mov %r3, 0
i6:
    jgt %r1, %r2, i12
    add %r0, %r3
    add %r1, %r3
    mov %r3, %r0
    jgt %r1, %r2, i12
    ja i6
i12:
    exit
