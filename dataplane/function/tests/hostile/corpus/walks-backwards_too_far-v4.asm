# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    jlt %r1, %r2, i10
i4:
    mul %r0, 31
    ldxb %r3, [%r1-1]
    add %r0, %r3
    add %r1, -1
    jlt %r1, %r2, i10
    ja i4
i10:
    exit
