# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 8
    jgt %r1, %r2, i11
    mov %r3, 0
i6:
    ldxdw %r0, [%r1]
    add %r0, %r3
    add %r1, 8
    mov %r3, %r0
    jle %r1, %r2, i6
i11:
    exit
