# hook filter
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+24]
    ldxdw %r1, [%r1+16]
    mov %r3, %r1
    add %r3, 4
    jgt %r3, %r2, i9
    mov %r2, 4
    call 8
    mov %r0, 1
i9:
    exit
