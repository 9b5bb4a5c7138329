# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 8
    jgt %r1, %r2, i11
    mov %r0, 0
i6:
    ldxb %r3, [%r1-9]
    add %r0, %r3
    add %r1, 8
    jgt %r1, %r2, i11
    ja i6
i11:
    exit
