# hook call
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r1, [%r1]
    add %r1, 8
    jgt %r1, %r2, i10
i5:
    ldxb %r3, [%r1-9]
    add %r0, %r3
    add %r1, 8
    jgt %r1, %r2, i10
    ja i5
i10:
    exit
