# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    jlt %r1, %r2, i11
    mov %r0, 0
i5:
    mul %r0, 31
    ldxb %r3, [%r1-1]
    add %r0, %r3
    add %r1, -1
    jlt %r1, %r2, i11
    ja i5
i11:
    exit
