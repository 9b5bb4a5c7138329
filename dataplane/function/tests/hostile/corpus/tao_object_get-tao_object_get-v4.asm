# hook call
f0:
    mov %r6, 0
    ldxdw %r2, [%r1+8]
    ldxdw %r7, [%r1]
    mov %r1, %r7
    add %r1, 16
    jgt %r1, %r2, i23
    mov %r4, %r10
    add %r4, -16
    mov %r1, %r7
    mov %r2, 8
    mov %r3, 0
    call 1
    ldxdw %r3, [%r10-16]
    mov %r1, %r3
    add %r1, 8
    ldxdw %r2, [%r10-8]
    jgt %r1, %r2, i23
    ldxdw %r4, [%r7+8]
    ldxdw %r3, [%r3]
    jne %r3, %r4, i23
    sub %r2, %r1
    call 8
    mov %r6, 1
i23:
    mov %r0, %r6
    exit
